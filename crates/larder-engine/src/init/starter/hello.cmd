@rem Change this line and run `larder ensure all`: it is built again, because the content decides, not the modification time.
@echo hello %VERSION%
