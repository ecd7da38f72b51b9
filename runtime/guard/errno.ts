// Error numbers of Linux that the guard answers with or meets; the same on every architecture it knows.
export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EBADF = 9;
export const EAGAIN = 11;
export const EACCES = 13;
export const EFAULT = 14;
export const EXDEV = 18;
export const EINVAL = 22;
export const ELOOP = 40;
export const EAFNOSUPPORT = 97;
export const EADDRINUSE = 98;
