// ldns with owners for what it allocates. Included by the sources of validate/ only,
// after everything else: the library makes macros of bool, true and false.
#pragma once

#include <cstdlib>
#include <memory>

#include "base/bytes.hpp"

#include <ldns/ldns.h>
#undef bool
#undef true
#undef false

namespace oegate::discovery::validate::ldns {

struct Free {
    void operator()(ldns_rdf* rdata) const { ldns_rdf_deep_free(rdata); }
    void operator()(ldns_rr* record) const { ldns_rr_free(record); }
    void operator()(ldns_rr_list* records) const { ldns_rr_list_deep_free(records); }
    void operator()(void* memory) const { std::free(memory); }
};
using Rdata = std::unique_ptr<ldns_rdf, Free>;
using Record = std::unique_ptr<ldns_rr, Free>;
using Records = std::unique_ptr<ldns_rr_list, Free>;
using Text = std::unique_ptr<char, Free>;

inline ByteView view(const ldns_rdf* rdata) {
    return {ldns_rdf_data(rdata), ldns_rdf_size(rdata)};
}

}  // namespace oegate::discovery::validate::ldns
