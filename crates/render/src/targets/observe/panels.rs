//! What is drawn, for whom: each panel with what it asks. Nothing here has a
//! variable of Grafana's, so that what is drawn is what is checked.

/// A picture.
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    /// What is asked, and what a line is called.
    pub(super) asks: &'static [(&'static str, &'static str)],
}

/// A dashboard.
pub(super) struct Board {
    pub(super) name: &'static str,
    /// Who looks at it, and for what.
    pub(super) about: &'static str,
    pub(super) panels: &'static [Panel],
}

const fn panel(title: &'static str, unit: &'static str, asks: &'static [(&'static str, &'static str)]) -> Panel {
    Panel { title, unit, asks }
}

pub(super) const BOARDS: [Board; 4] = [PLANET, REGION, GATEWAY, KEYS];

const PLANET: Board = Board {
    name: "planet",
    about: "Whether the planet answers: every region that is asked for, side by side.",
    panels: &[
        panel("Regions that answer", "none", &[("mycel:answers", "{{region}}")]),
        panel(
            "Alerts",
            "none",
            &[("count by (region, severity, alertname) (ALERTS{alertstate=\"firing\"})", "{{region}} {{alertname}}")],
        ),
        panel("Requests of agents", "reqps", &[("mycel:requests:rate5m", "{{region}}")]),
        panel("Share of requests that fail", "percentunit", &[("mycel:failed:ratio_5m", "{{region}}")]),
        panel("Share of three days in which it was away", "percentunit", &[("mycel:away:ratio_3d", "{{region}}")]),
        panel("99 of 100 ops take less than", "s", &[("mycel:op_seconds:p99", "{{region}}")]),
        panel("Agents with a slot", "none", &[("sum by (region) (mycel_agents)", "{{region}}")]),
        panel("Free slots", "none", &[("sum by (exported_region) (mycel_slots_free)", "{{exported_region}}")]),
    ],
};

const REGION: Board = Board {
    name: "region",
    about: "What a region does, for whoever runs it.",
    panels: &[
        panel(
            "Requests by endpoint",
            "reqps",
            &[("sum by (endpoint) (rate(mycel_http_requests_total[5m]))", "{{endpoint}}")],
        ),
        panel("Answers by status", "reqps", &[("sum by (status) (rate(mycel_http_requests_total[5m]))", "{{status}}")]),
        panel(
            "How long ops take",
            "s",
            &[
                ("mycel:op_seconds:p50", "50 of 100"),
                ("mycel:op_seconds:p95", "95 of 100"),
                ("mycel:op_seconds:p99", "99 of 100"),
            ],
        ),
        panel(
            "How long a request takes on average",
            "s",
            &[(
                "sum by (endpoint) (rate(mycel_http_request_seconds_sum[5m])) / sum by (endpoint) (rate(mycel_http_request_seconds_count[5m]))",
                "{{endpoint}}",
            )],
        ),
        panel(
            "Slots",
            "none",
            &[
                ("sum by (exported_region) (mycel_slots_taken)", "taken {{exported_region}}"),
                ("sum by (exported_region) (mycel_slots_free)", "free {{exported_region}}"),
            ],
        ),
        panel("Agents with a slot", "none", &[("sum(mycel_agents)", "agents")]),
        panel("Connections", "none", &[("sum by (instance) (mycel_connections_open)", "open {{instance}}")]),
        panel(
            "Connections that come, are turned away, and are cut",
            "cps",
            &[
                ("sum(rate(mycel_connections_total[5m]))", "come"),
                ("sum(rate(mycel_connections_upgraded_total[5m]))", "upgraded to frames"),
                ("sum(rate(mycel_connections_turned_away_total[5m]))", "turned away"),
                ("sum(rate(mycel_connections_cut_total[5m]))", "cut"),
            ],
        ),
        panel("Frames", "cps", &[("sum(rate(mycel_frames_total[5m]))", "frames")]),
        panel("Sources that are banned", "none", &[("max by (instance) (mycel_bans)", "{{instance}}")]),
        panel(
            "Entries of the log",
            "wps",
            &[("sum by (exported_region) (rate(mycel_log_entries_total[5m]))", "{{exported_region}}")],
        ),
        panel(
            "Entries that the index is behind",
            "none",
            &[("sum by (exported_region) (mycel_index_behind_entries)", "{{exported_region}}")],
        ),
    ],
};

const GATEWAY: Board = Board {
    name: "gateway",
    about: "What comes through the gateways, and what they think of regions.",
    panels: &[
        panel("Gateways that answer", "none", &[("sum(up{job=\"mycel-gateway\"})", "gateways")]),
        panel(
            "Requests",
            "reqps",
            &[
                ("sum(rate(mycel_gateway_requests_total[5m]))", "come"),
                ("sum(rate(mycel_gateway_refused_total[5m]))", "refused by the gateway"),
                ("sum(rate(mycel_gateway_lost_total[5m]))", "not answered by a host"),
                ("sum(rate(mycel_gateway_retried_total[5m]))", "sent a second time"),
            ],
        ),
        panel("Connections that broke", "cps", &[("sum(rate(mycel_gateway_closed_total[5m]))", "closed")]),
        panel(
            "Regions that are used",
            "none",
            &[("min by (exported_region) (mycel_gateway_region_usable)", "{{exported_region}}")],
        ),
        panel(
            "Round trips",
            "µs",
            &[("max by (exported_region) (mycel_gateway_region_rtt_microseconds)", "{{exported_region}}")],
        ),
    ],
};

const KEYS: Board = Board {
    name: "keys",
    about: "Keys and the audit log, for whoever answers for them.",
    panels: &[
        panel("How old keys are", "s", &[("max by (key, instance) (mycel_key_age_seconds)", "{{key}} {{instance}}")]),
        panel("Keys that are late", "none", &[("max by (key, instance) (mycel_key_late)", "{{key}} {{instance}}")]),
        panel("Rotations in a day", "none", &[("sum by (key) (increase(mycel_key_rotations_total[1d]))", "{{key}}")]),
        panel("CAs that are to follow", "none", &[("min(mycel_ca_heirs)", "heirs")]),
        panel("Entries of audit logs", "none", &[("max by (instance) (mycel_audit_entries_total)", "{{instance}}")]),
        panel(
            "Time since the newest entry",
            "s",
            &[("time() - max by (instance) (mycel_audit_checkpoint_time_seconds > 0)", "{{instance}}")],
        ),
        panel("Audit logs that are not written", "none", &[("max by (instance) (mycel_audit_failed)", "{{instance}}")]),
    ],
};
