#!/bin/sh
echo "beta @VERSION@"
