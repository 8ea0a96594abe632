#!/bin/sh
# usage: template NAME VERSION < in > out
exec sed -e "s/@NAME@/$1/g" -e "s/@VERSION@/$2/g"
