//! QEMU's bare machine `virt`: the first instructions, the UART, and the device that ends the machine with a status.
use core::arch::global_asm;
use core::fmt;
use core::panic::PanicInfo;
use core::ptr;

global_asm!(
    ".section .text.first, \"ax\"",
    ".globl _start",
    "_start:",
    "la t0, 3f",
    "csrw mtvec, t0",
    "la sp, stack_top",
    "la t0, bss_start",
    "la t1, bss_end",
    "1: bgeu t0, t1, 2f",
    "sd zero, 0(t0)",
    "addi t0, t0, 8",
    "j 1b",
    "2: j started",
    // A trap of the machine itself ends it with the status 3.
    ".balign 4",
    "3: la sp, stack_top",
    "li a0, 3",
    "j ended",
);

/// The UART, as a place to write text to.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: the transmit register of the machine's UART.
            unsafe { ptr::write_volatile(0x1000_0000 as *mut u8, byte) };
        }
        Ok(())
    }
}

/// Ends the machine; QEMU's exit code is `status`.
#[no_mangle]
pub extern "C" fn ended(status: u32) -> ! {
    let word = if status == 0 { 0x5555 } else { status << 16 | 0x3333 };
    // SAFETY: the register of the machine's test device.
    unsafe { ptr::write_volatile(0x10_0000 as *mut u32, word) };
    loop {}
}

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    ended(4)
}
