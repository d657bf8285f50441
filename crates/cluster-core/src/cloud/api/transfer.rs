//! Moving the content of files, straight from and to the disk.
