// #[derive(LabelValue)]
// enum Plan {
//     Free,
//     #[label("gold")]
//     Paid,
// }

impl ::monitor_runtime::private::LabelValue for Plan {
    const VALUES: ::core::option::Option<&'static [&'static ::core::primitive::str]> = ::core::option::Option::Some(
        &["free", "gold"],
    );
    #[inline]
    fn text<'a>(
        &'a self,
        _: &'a mut ::monitor_runtime::private::LabelBuffer,
    ) -> &'a ::core::primitive::str {
        match self {
            Plan::Free => "free",
            Plan::Paid => "gold",
        }
    }
}
