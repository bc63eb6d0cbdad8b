package backend

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// release pins one build of ONNX Runtime, in the two archives that carry it.
type release struct {
	npm    archive // the npm package onnxruntime-node, brought by the user's own npm
	github archive // the release on GitHub
}

// archive is a gzipped tar file with the library as one of its members.
type archive struct {
	source string // what to ask for: a package and version, or an address
	size   int64  // bytes
	sha256 string // of the archive
	member string // the library inside it
	lib    string // sha256 of the library; "" when only the archive's is known
}

// releases are the builds of ONNXRuntimeVersion by processor. The checksums of the npm package were taken from
// the package itself, those of the GitHub archives from the digests that GitHub publishes beside them.
var releases = map[string]release{
	"amd64": {
		npm: archive{
			source: "onnxruntime-node@1.30.0", size: 113_507_888,
			sha256: "6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75",
			member: "package/bin/napi-v6/linux/x64/libonnxruntime.so.1",
			lib:    "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23",
		},
		github: archive{
			source: "https://github.com/microsoft/onnxruntime/releases/download/v1.30.0/onnxruntime-linux-x64-1.30.0.tgz",
			size:   11_306_877,
			sha256: "a5ed5a3cac51fbb2e90da632ae43d19212faaa20e76484e62bcb7c23ddb3b3fd",
			member: "onnxruntime-linux-x64-1.30.0/lib/libonnxruntime.so.1.30.0",
		},
	},
	"arm64": {
		npm: archive{
			source: "onnxruntime-node@1.30.0", size: 113_507_888,
			sha256: "6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75",
			member: "package/bin/napi-v6/linux/arm64/libonnxruntime.so.1",
			lib:    "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76",
		},
		github: archive{
			source: "https://github.com/microsoft/onnxruntime/releases/download/v1.30.0/onnxruntime-linux-aarch64-1.30.0.tgz",
			size:   10_269_495,
			sha256: "e16a27a8ed330bbc698df7330b0cf56e722f354e3bcc92118682c74ef3c3e3da",
			member: "onnxruntime-linux-aarch64-1.30.0/lib/libonnxruntime.so.1.30.0",
		},
	},
}

// InstallONNXRuntime puts ONNX Runtime [ONNXRuntimeVersion] into the user's cache folder ([InstalledLibrary]) and
// returns the library's path: through the user's own npm when there is one, else from the release on GitHub. What
// arrives is checked against pinned checksums before it gets its final name, and a library that is there already
// and whole is kept. Progress is shown on messages, unless that is nil. Nothing is ever installed system-wide.
func InstallONNXRuntime(ctx context.Context, messages io.Writer) (string, error) {
	build, ok := releases[runtime.GOARCH]
	if !ok || runtime.GOOS != "linux" {
		return "", fmt.Errorf("expected Linux on amd64 or arm64, for which ONNX Runtime %s is pinned, found %s on %s; point %s "+
			"to a library of your own, or use the pure Go backend (%s=go)", ONNXRuntimeVersion, runtime.GOOS, runtime.GOARCH, LibraryPathEnv, Env)
	}
	path, err := InstalledLibrary()
	if err != nil {
		return "", fmt.Errorf("cannot tell where to put ONNX Runtime: %w; set HOME or XDG_CACHE_HOME", err)
	}
	if err := build.install(ctx, path, messages); err != nil {
		return "", fmt.Errorf("cannot install ONNX Runtime %s: %w", ONNXRuntimeVersion, err)
	}
	return path, nil
}

// install brings the library to path unless it is there. Only one process at a time does it.
func (r release) install(ctx context.Context, path string, messages io.Writer) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("expected a cache folder that can be written to, found: %w; XDG_CACHE_HOME chooses another", err)
	}
	lock := flock.New(filepath.Join(dir, ".lock"))
	if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return fmt.Errorf("cannot lock the folder %s: %w", dir, err)
	}
	defer lock.Unlock()
	if r.installed(path) {
		return nil
	}
	// Only the holder of the lock has a folder of this name, so one that is there was left by a killed process.
	tmp := filepath.Join(dir, ".download")
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	npmErr := r.npm.install(ctx, fetchNPM, tmp, path, messages)
	if npmErr == nil || ctx.Err() != nil {
		return npmErr
	}
	githubErr := r.github.install(ctx, fetchURL, tmp, path, messages)
	if githubErr == nil || ctx.Err() != nil {
		return githubErr
	}
	return fmt.Errorf("%w; and %w; expected npm or github.com within reach: once they are, run `glimpse backend install`, or point "+
		"%s to a libonnxruntime.so of your own; until then `export %s=go` chooses the pure Go backend, which needs neither",
		npmErr, githubErr, LibraryPathEnv, Env)
}

// installed reports whether the library at path is whole: its checksum is the pinned one, or the one noted when it
// was taken out of an archive whose checksum was the pinned one.
func (r release) installed(path string) bool {
	sum, err := hashFile(path)
	if err != nil {
		return false
	}
	if sum == r.npm.lib {
		return true
	}
	noted, err := os.ReadFile(notePath(path))
	return err == nil && strings.TrimSpace(string(noted)) == sum
}

func notePath(library string) string { return library + ".sha256" }

// install fetches the archive into tmp and moves the library inside it to path.
func (a archive) install(ctx context.Context, fetch fetcher, tmp, path string, messages io.Writer) error {
	file, err := fetch(ctx, a, tmp, messages)
	if err != nil {
		return err
	}
	sum, err := hashFile(file)
	if err != nil {
		return err
	}
	if sum != a.sha256 {
		info, _ := os.Stat(file)
		return fmt.Errorf("%s is not what was expected: %d bytes with sha256 %s, expected %d bytes with %s; it was thrown away",
			a.source, info.Size(), sum, a.size, a.sha256)
	}
	return a.extract(ctx, file, path)
}

// extract writes the archive's library under its final name, once it has been checked.
func (a archive) extract(ctx context.Context, file, path string) error {
	out, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer out.Abort()
	hash := sha256.New()
	if err := copyMember(ctx, file, a.member, io.MultiWriter(out, hash)); err != nil {
		return fmt.Errorf("cannot take %s out of %s: %w", a.member, a.source, err)
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	if a.lib != "" && sum != a.lib {
		return fmt.Errorf("%s in %s has sha256 %s, expected %s", a.member, a.source, sum, a.lib)
	}
	if err := checkLibrary(out.Name(), ortSymbol); err != nil {
		return fmt.Errorf("%s in %s cannot be used: %w", a.member, a.source, err)
	}
	if err := out.Commit(); err != nil {
		return err
	}
	return atomicfile.WriteFile(notePath(path), []byte(sum+"\n"))
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// errNoNPM says that there is no npm to ask.
var errNoNPM = errors.New("npm: no such command on PATH")
