package notebook

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/shell"
)

// plainErrors is the environment variable that makes the kernel word errors as text, not as HTML, when it is 1.
const plainErrors = "GLIMPSE_NOTEBOOK_PLAIN_ERRORS"

// scripts are the texts that make a kernel of the programs gonb, goimports and cellgo, by path.
func (k Kernel) scripts(tools toolchain) map[string]string {
	return map[string]string{
		k.command():                             k.kernelScript(tools),
		filepath.Join(k.Programs, "path", "go"): k.goScript(tools),
	}
}

// kernelScript starts GoNB with the settings that the lab is built with. GoNB's own log is left out, but for what
// ends it; GLIMPSE_DEBUG=1 shows it.
func (k Kernel) kernelScript(tools toolchain) string {
	return fmt.Sprintf(`#!/bin/sh
# The Jupyter kernel "%s", written by: glimpse notebook install
programs=%s
if ! [ -f %s ]; then
	echo "glimpse: the checkout that notebooks import is no longer there; run in the new one: bin/glimpse notebook install" >&2
	exit 1
fi
export PATH="$programs/path:$PATH"
export GOEXPERIMENT=simd CGO_ENABLED=%s GOWORK=off
export GOFLAGS=%s
options='--logtostderr=false --alsologtostderr=false --stderrthreshold=FATAL --log_file=/dev/null'
if [ "$GLIMPSE_DEBUG" = 1 ]; then options=; fi
if [ "$%s" = 1 ]; then options="$options --raw_error"; fi
exec "$programs/gonb" $options --kernel "$@"
`, DisplayName, shell.Quote(k.Programs), shell.Quote(filepath.Join(k.Checkout, "go.mod")), tools.cgo, shell.Quote(strings.Join(tools.flags, " ")), plainErrors)
}

// goScript is the go that GoNB finds.
//
// GoNB runs `go mod init` once, and `go get` before each cell, a quarter of a second in which most often nothing
// is to be got: with -mod=mod, `go build` itself gets what is missing. The replacement is written as a block, and
// with a comment that keeps it one, because GoNB would watch every folder of a replacement that stands on one line.
func (k Kernel) goScript(tools toolchain) string {
	replacement := "require " + module + " v0.0.0\n\nreplace (\n\t" + module + " => " + strconv.Quote(k.Checkout) + "\n\t// keeps the block a block\n)"
	build := `exec "$go" "$@"`
	if tools.internal || tools.cgo == "0" {
		build = "exec " + shell.Quote(filepath.Join(k.Programs, "cellgo")) + ` "$go" "$checkout" "$@"`
	}
	return fmt.Sprintf(`#!/bin/sh
# The go of notebook cells, written by: glimpse notebook install
go=%s
checkout=%s
case "$*" in
get | 'get -t')
	exit 0 ;;
'mod init gonb_'*)
	{ sed "s|^module .*|module $3|" "$checkout/go.mod" && printf '%%s\n' %s; } >go.mod && exec cp "$checkout/go.sum" go.sum
	exit 1 ;;
esac
if ! [ -x "$go" ]; then
	echo "glimpse: expected Go at $go, found none; install Go, then run: bin/glimpse notebook install" >&2
	exit 1
fi
if [ "$1" = build ]; then
	%s
fi
exec "$go" "$@"
`, shell.Quote(tools.program), shell.Quote(k.Checkout), shell.Quote(replacement), build)
}

// spec is kernel.json. Its stamp changes with everything that the installed programs are made of, so that equal
// files mean that there is nothing to install.
func (k Kernel) spec(stamp string) ([]byte, error) {
	text, err := json.MarshalIndent(map[string]any{
		"argv":           []string{k.command(), "{connection_file}"},
		"display_name":   DisplayName,
		"language":       "go",
		"interrupt_mode": "message",
		"metadata":       map[string]any{"glimpse": map[string]string{"checkout": k.Checkout, "stamp": stamp}},
	}, "", "  ")
	return append(text, '\n'), err
}
