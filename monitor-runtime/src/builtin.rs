//! The families that the toolkit itself keeps of requests; their names are fixed.

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
