// #[instrument(counter = CALLS)]
// impl Shop {
//     const SIZE: u8 = 1;
//     const fn size() -> u8 {
//         Self::SIZE
//     }
//     fn open(&self) {}
// }

impl Shop {
    const SIZE: u8 = 1;
    const fn size() -> u8 {
        Self::SIZE
    }
    #[::monitor_runtime::instrument(counter = CALLS)]
    fn open(&self) {}
}
