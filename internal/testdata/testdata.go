// Package testdata finds the reference numbers and the real pictures that tests compare with. None of them are
// in the repository: they lie in the folder "shared" beside the checkout, or where GLIMPSE_SHARED points.
package testdata

import (
	"os"
	"path/filepath"
	"testing"
)

// Golden returns the path of a reference file below shared/golden, such as "clip/loss/infonce.safetensors".
// The test fails when the file is not there, unless GLIMPSE_NO_SHARED=1 says that this machine has none.
func Golden(t testing.TB, name string) string {
	t.Helper()
	return find(t, filepath.Join("golden", name))
}

// Data returns the path of a data set's folder below shared/data, such as "flickr8k"; see [Golden].
func Data(t testing.TB, name string) string {
	t.Helper()
	return find(t, filepath.Join("data", name))
}

func find(t testing.TB, name string) string {
	t.Helper()
	root := Root()
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("GLIMPSE_NO_SHARED") == "1" {
			t.Skipf("reference file %s is not on this machine (GLIMPSE_NO_SHARED=1)", name)
		}
		t.Fatalf("expected the reference file %s, found none: put the folder shared beside the checkout, "+
			"point GLIMPSE_SHARED at it, or set GLIMPSE_NO_SHARED=1 to skip the tests that need it", path)
	}
	return path
}

// Root is the folder shared: GLIMPSE_SHARED when set, else the one beside the checkout.
func Root() string {
	if root := os.Getenv("GLIMPSE_SHARED"); root != "" {
		return root
	}
	dir, err := os.Getwd()
	if err != nil {
		return "shared"
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared")
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "shared"
		}
		dir = parent
	}
}
