#[allow(clippy::needless_return, unused_variables)]
#[attribute]
pub fn above(unused: u8) -> u8 {
    return 1;
}

#[attribute]
#[allow(clippy::needless_return, unused_variables)]
pub fn below(unused: u8) -> u8 {
    return 1;
}

#[attribute]
pub fn inside(unused: u8) -> u8 {
    #![allow(clippy::needless_return, unused_variables)]
    return 1;
}
