// Package results holds what was recorded of full runs of what is built on CLIP, so that notebooks can show it without a checkout of their own.
package results

import "embed"

// Built are the files built-NAME.json.
//
//go:embed built-*.json
var Built embed.FS
