//! Children: which variables, configuration and secrets the programs that larder starts can
//! see, and text from outside that is printed.
