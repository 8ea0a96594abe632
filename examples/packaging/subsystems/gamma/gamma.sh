#!/bin/sh
echo "gamma @VERSION@"
