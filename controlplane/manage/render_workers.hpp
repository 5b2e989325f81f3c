// Workers as a table and as JSON, for `show workers` and `show status`.
#pragma once

#include <vector>

#include "manage/render.hpp"
#include "manage/text.hpp"

namespace oegate::manage {

Table worker_table(const std::vector<WorkerStatus>& workers, const std::vector<WorkerLoad>& loads);
Json workers_json(const std::vector<WorkerStatus>& workers, const std::vector<WorkerLoad>& loads);

}  // namespace oegate::manage
