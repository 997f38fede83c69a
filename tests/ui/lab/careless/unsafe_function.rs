#![allow(unsafe_code)]

#[attribute]
pub unsafe fn function(number: *const u8) -> u8 {
    *number
}
