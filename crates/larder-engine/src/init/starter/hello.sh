#!/bin/sh
# Change this line and run `larder ensure all`: it is built again, because what decides is the content, not the clock.
echo "hello @VERSION@"
