// metrics! {
//     registry REGISTRY;
//     /// Logins
//     pub counter LOGINS = "logins_total" { method: &'static str, good: bool } limit 50;
//     /// Jobs
//     pub(crate) counter JOBS = "jobs_total" { #[label(max = 9)] tenant: &str };
//     /// Export latency in seconds
//     histogram EXPORT_LATENCY = "export_latency_seconds" { plan: Plan } buckets [0.1, 1];
//     /// Reports being made
//     #[cfg(unix)]
//     gauge REPORTS_RUNNING = "reports_running";
// }

/**Logins

`logins_total`*/
pub struct LOGINS {
    ///The label `method`.
    pub method: &'static str,
    ///The label `good`.
    pub good: bool,
}
const _: () = {
    impl ::monitor_runtime::private::LabelSet for LOGINS {
        #[inline]
        fn with_texts(
            &self,
            visit: &mut dyn ::core::ops::FnMut(&[&::core::primitive::str]),
        ) {
            visit(
                &[
                    ::monitor_runtime::private::LabelValue::text(
                        &self.method,
                        &mut ::monitor_runtime::private::LabelBuffer::new(),
                    ),
                    ::monitor_runtime::private::LabelValue::text(
                        &self.good,
                        &mut ::monitor_runtime::private::LabelBuffer::new(),
                    ),
                ],
            )
        }
    }
    ::monitor_runtime::private::inventory::submit! {
        ::monitor_runtime::private::Declared(LOGINS.family())
    }
};
/**Logins

`logins_total`*/
pub static LOGINS: ::monitor_runtime::private::Counter<LOGINS> = ::monitor_runtime::private::Counter::declare(::monitor_runtime::private::Declaration {
    name: "logins_total",
    help: "Logins",
    labels: &[
        ::monitor_runtime::private::Label {
            name: "method",
            values: <&'static str as ::monitor_runtime::private::LabelValue>::VALUES,
            max: ::core::option::Option::None,
            user: false,
        },
        ::monitor_runtime::private::Label {
            name: "good",
            values: <bool as ::monitor_runtime::private::LabelValue>::VALUES,
            max: ::core::option::Option::None,
            user: false,
        },
    ],
    bounds: &[],
    limit: 50,
    growth: ::monitor_runtime::private::DEFAULT_GROWTH,
    place: ::monitor_runtime::private::Place {
        file: ::core::file!(),
        line: ::core::line!(),
    },
    registry: || &REGISTRY,
});
/**Jobs

`jobs_total`*/
pub(crate) struct JOBS<'label> {
    ///The label `tenant`.
    pub(crate) tenant: &'label str,
}
const _: () = {
    impl<'label> ::monitor_runtime::private::LabelSet for JOBS<'label> {
        #[inline]
        fn with_texts(
            &self,
            visit: &mut dyn ::core::ops::FnMut(&[&::core::primitive::str]),
        ) {
            visit(
                &[
                    ::monitor_runtime::private::LabelValue::text(
                        &self.tenant,
                        &mut ::monitor_runtime::private::LabelBuffer::new(),
                    ),
                ],
            )
        }
    }
    ::monitor_runtime::private::inventory::submit! {
        ::monitor_runtime::private::Declared(JOBS.family())
    }
};
/**Jobs

`jobs_total`*/
pub(crate) static JOBS: ::monitor_runtime::private::Counter<JOBS<'static>> = ::monitor_runtime::private::Counter::declare(::monitor_runtime::private::Declaration {
    name: "jobs_total",
    help: "Jobs",
    labels: &[
        ::monitor_runtime::private::Label {
            name: "tenant",
            values: <&'static str as ::monitor_runtime::private::LabelValue>::VALUES,
            max: ::core::option::Option::Some(9),
            user: false,
        },
    ],
    bounds: &[],
    limit: ::monitor_runtime::private::DEFAULT_LIMIT,
    growth: ::monitor_runtime::private::DEFAULT_GROWTH,
    place: ::monitor_runtime::private::Place {
        file: ::core::file!(),
        line: ::core::line!(),
    },
    registry: || &REGISTRY,
});
/**Export latency in seconds

`export_latency_seconds`*/
struct EXPORT_LATENCY {
    ///The label `plan`.
    plan: Plan,
}
const _: () = {
    impl ::monitor_runtime::private::LabelSet for EXPORT_LATENCY {
        #[inline]
        fn with_texts(
            &self,
            visit: &mut dyn ::core::ops::FnMut(&[&::core::primitive::str]),
        ) {
            visit(
                &[
                    ::monitor_runtime::private::LabelValue::text(
                        &self.plan,
                        &mut ::monitor_runtime::private::LabelBuffer::new(),
                    ),
                ],
            )
        }
    }
    ::monitor_runtime::private::inventory::submit! {
        ::monitor_runtime::private::Declared(EXPORT_LATENCY.family())
    }
};
/**Export latency in seconds

`export_latency_seconds`*/
static EXPORT_LATENCY: ::monitor_runtime::private::Histogram<EXPORT_LATENCY> = ::monitor_runtime::private::Histogram::declare(::monitor_runtime::private::Declaration {
    name: "export_latency_seconds",
    help: "Export latency in seconds",
    labels: &[
        ::monitor_runtime::private::Label {
            name: "plan",
            values: <Plan as ::monitor_runtime::private::LabelValue>::VALUES,
            max: ::core::option::Option::None,
            user: false,
        },
    ],
    bounds: &[0.1f64, 1f64],
    limit: ::monitor_runtime::private::DEFAULT_LIMIT,
    growth: ::monitor_runtime::private::DEFAULT_GROWTH,
    place: ::monitor_runtime::private::Place {
        file: ::core::file!(),
        line: ::core::line!(),
    },
    registry: || &REGISTRY,
});
#[cfg(unix)]
/**Reports being made

`reports_running`*/
struct REPORTS_RUNNING {}
#[cfg(unix)]
const _: () = {
    impl ::monitor_runtime::private::LabelSet for REPORTS_RUNNING {
        #[inline]
        fn with_texts(
            &self,
            visit: &mut dyn ::core::ops::FnMut(&[&::core::primitive::str]),
        ) {
            visit(&[])
        }
    }
    impl ::monitor_runtime::private::NoLabels for REPORTS_RUNNING {
        const NONE: Self = REPORTS_RUNNING {};
    }
    ::monitor_runtime::private::inventory::submit! {
        ::monitor_runtime::private::Declared(REPORTS_RUNNING.family())
    }
};
#[cfg(unix)]
/**Reports being made

`reports_running`*/
static REPORTS_RUNNING: ::monitor_runtime::private::Gauge<REPORTS_RUNNING> = ::monitor_runtime::private::Gauge::declare(::monitor_runtime::private::Declaration {
    name: "reports_running",
    help: "Reports being made",
    labels: &[],
    bounds: &[],
    limit: ::monitor_runtime::private::DEFAULT_LIMIT,
    growth: ::monitor_runtime::private::DEFAULT_GROWTH,
    place: ::monitor_runtime::private::Place {
        file: ::core::file!(),
        line: ::core::line!(),
    },
    registry: || &REGISTRY,
});
