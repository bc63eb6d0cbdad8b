//go:build !(cgo && !noxla && linux)

package backend

// HasXLA says whether this program was built with XLA support (cgo, without the build tag noxla).
const HasXLA = false

// Plugins returns the PJRT plugins of this machine: none in a build without XLA.
func Plugins() map[string]string { return nil }

// BrokenPlugins returns the PJRT plugins that cannot be used: none in a build without XLA.
func BrokenPlugins() map[string]error { return nil }

func openBestXLA() (*Backend, error) {
	return nil, &absentError{text: "this program was built without XLA", quiet: true}
}

func openXLAWith(options, reason string) (*Backend, error) {
	return nil, &absentError{text: "this program was built without XLA; `make build` with a C compiler on Linux adds it"}
}
