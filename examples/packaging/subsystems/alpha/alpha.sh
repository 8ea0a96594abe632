#!/bin/sh
echo "alpha @VERSION@"
