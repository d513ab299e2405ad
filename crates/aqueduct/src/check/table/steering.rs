//! Content steering.

use super::{SERVER, group};

group! {
    "Content steering"
    CS_TAG = "CS-TAG" Must Rfc "RFC 8216bis §4.4.6.6",
        "PATHWAY-ID of EXT-X-CONTENT-STEERING is that of some variant.",
        "name a pathway that variants have";
    CS_PATHWAYS = "CS-PATHWAYS" Should Rfc "RFC 8216bis §4.4.6.2",
        "Every pathway offers the same variants.",
        "list each variant once for each pathway";
    !unchecked
    "CS-MANIFEST" Must Rfc "The steering manifest is JSON with VERSION, TTL and PATHWAY-PRIORITY.", SERVER;
    "CS-KNOWN" Player Players "Priorities name pathways that exist.", SERVER;
    "CS-CLONE" Must Rfc "Clones of pathways can be fetched.", SERVER;
    "CS-SERVER" Should Rfc "The steering server takes its parameters and says when to come again.", SERVER;
}
