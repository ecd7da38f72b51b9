//! The functions that compiled code calls implicitly, in place of the crate of that name, which a rust-src of Debian does not have.
#![feature(compiler_builtins)]
#![compiler_builtins]
#![no_builtins]
#![no_std]

#[no_mangle]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    let mut i = 0;
    while i < n {
        *to.add(i) = *from.add(i);
        i += 1;
    }
    to
}

#[no_mangle]
pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    if (to as usize) <= (from as usize) {
        return memcpy(to, from, n);
    }
    let mut i = n;
    while i > 0 {
        i -= 1;
        *to.add(i) = *from.add(i);
    }
    to
}

#[no_mangle]
pub unsafe extern "C" fn memset(to: *mut u8, byte: i32, n: usize) -> *mut u8 {
    let mut i = 0;
    while i < n {
        *to.add(i) = byte as u8;
        i += 1;
    }
    to
}

#[no_mangle]
pub unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    let mut i = 0;
    while i < n {
        let difference = *a.add(i) as i32 - *b.add(i) as i32;
        if difference != 0 {
            return difference;
        }
        i += 1;
    }
    0
}

#[no_mangle]
pub unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    memcmp(a, b, n)
}
