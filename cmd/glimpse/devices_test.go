//go:build cgo && !noxla && linux

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// The story of a user who has several devices.
func TestDevices(t *testing.T) {
	backendtest.MakeXLA(t, 4)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/devices",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"PJRT_PLUGIN_LIBRARY_PATH", "PJRT_TEST_DEVICES", "PJRT_TEST_FOLDER"} {
				env.Setenv(name, os.Getenv(name))
			}
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("GOMLX_BACKEND", "xla:test")
			env.Setenv("GLIMPSE_DATA", "")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exit": checkExit, "sentence": checkSentence},
	})
}
