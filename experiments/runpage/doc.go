// Package runpage writes pages about runs, each one file that needs nothing beside it: [Write] the report.html of a run,
// [WriteComparison] several runs side by side. What they say comes from the runs' folders, also from those of runs that were
// stopped, and everything is escaped.
package runpage
