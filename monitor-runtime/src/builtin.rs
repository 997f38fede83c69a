//! The families that the toolkit itself keeps of requests and of what is watched; their names are fixed.

crate::metrics! {
    /// Anomalies: one for each abnormal call; for an episode one when it starts and one a minute while it lasts
    pub(crate) counter ANOMALIES = "anomaly_detection_triggered_total" {
        #[label(max = 1000)] endpoint: &str, reason: &'static str
    } limit 8000;

    /// Share of calls that failed by our fault in the last five minutes, 0 to 1
    pub(crate) gauge API_ERROR_RATE = "api_error_rate" { #[label(max = 1000)] endpoint: &str };

    /// Latency in seconds over which a call is abnormal, configured or learned
    pub(crate) gauge API_RESPONSE_TIME_THRESHOLD = "api_response_time_threshold" {
        #[label(max = 1000)] endpoint: &str
    };

    /// Events of anomalies that a subscriber had no room for
    pub(crate) counter EVENTS_LOST = "monitor_anomaly_events_lost_total";
}

#[cfg(feature = "actix")]
crate::metrics! {
    /// Requests, by matched route pattern; 499 is a client that left, 500 also a panic
    pub(crate) counter API_REQUESTS = "api_requests_total" {
        #[label(max = 1000)] endpoint: &str, #[label(max = 50)] method: &str, status: u16
    };

    /// Time from a request to the headers of its response, in seconds
    pub(crate) histogram API_REQUEST_LATENCY = "api_request_latency_seconds" {
        #[label(max = 1000)] endpoint: &str, #[label(max = 50)] method: &str
    };

    /// Requests whose response counts as an error: 5xx, unless the application says otherwise
    pub(crate) counter API_REQUEST_ERRORS = "api_request_errors_total" {
        #[label(max = 1000)] endpoint: &str, #[label(max = 50)] method: &str
    };

    /// Requests that are being served, their response's body included
    pub(crate) gauge API_REQUESTS_IN_FLIGHT = "api_requests_in_flight";

    /// Response bodies that were not sent to their end
    pub(crate) counter API_RESPONSE_BODIES_CUT = "api_response_bodies_cut_total" {
        #[label(max = 1000)] endpoint: &str, #[label(max = 50)] method: &str
    };

    /// Time from the headers of a response to the end of its body, in seconds, where the application asks for it
    pub(crate) histogram API_RESPONSE_BODY = "api_response_body_seconds" {
        #[label(max = 1000)] endpoint: &str, #[label(max = 50)] method: &str
    };
}
