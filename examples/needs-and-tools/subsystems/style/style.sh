#!/bin/sh
echo "[ $* ]"
