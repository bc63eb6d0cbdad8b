package backend

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/glimpse-ml/glimpse/internal/fetch"
	"github.com/glimpse-ml/glimpse/internal/progress"
)

// maxLibrary bounds what is unpacked; the largest builds have 60 MB.
const maxLibrary = 512 << 20

// fetcher brings an archive into the folder tmp and returns the file's path. Its checksum is still to be checked.
type fetcher func(ctx context.Context, a archive, tmp string, messages io.Writer) (string, error)

// fetchNPM lets the user's npm bring the package, from wherever npm is set up to find packages.
func fetchNPM(ctx context.Context, a archive, tmp string, messages io.Writer) (string, error) {
	if os.Getenv("GLIMPSE_OFFLINE") == "1" {
		return "", fmt.Errorf("npm: %w (GLIMPSE_OFFLINE=1)", fetch.ErrOffline)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errNoNPM
	}
	bar := progress.New(messages, fmt.Sprintf("fetching %s with npm (%d MB)", a.source, a.size/1e6), -1, progress.Options{})
	defer bar.Done()
	cmd := exec.CommandContext(ctx, npm, "pack", a.source, "--loglevel=error", "--ignore-scripts",
		"--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--update-notifier=false")
	cmd.Dir = tmp
	cmd.WaitDelay = 2 * time.Second // when ctx ends, a grandchild that holds the pipes does not keep us
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := tick(bar, cmd.Run); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("npm pack %s: %s", a.source, npmReason(stderr.String(), err))
	}
	files, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("npm pack %s: expected one .tgz file, found %d", a.source, len(files))
	}
	return files[0], nil
}

// tick keeps a bar of unknown length alive while work runs.
func tick(bar *progress.Bar, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(time.Second):
			bar.Add(0)
		}
	}
}

// npmReason is the first line in which npm says what went wrong, without npm's prefixes.
func npmReason(stderr string, err error) string {
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		for _, prefix := range []string{"npm ERR! ", "npm error "} {
			line = strings.TrimPrefix(line, prefix)
		}
		if line != "" && !strings.HasPrefix(line, "code ") && !strings.HasPrefix(line, "syscall ") && !strings.HasPrefix(line, "errno ") {
			return line
		}
	}
	return err.Error()
}

// fetchURL downloads the archive from its publisher.
func fetchURL(ctx context.Context, a archive, tmp string, messages io.Writer) (string, error) {
	bar := progress.New(messages, "fetching "+path.Base(a.source), a.size, progress.Options{Bytes: true})
	defer bar.Done()
	file := filepath.Join(tmp, "archive.tgz")
	source := fetch.Source{URL: a.source, Size: a.size, SHA256: a.sha256}
	err := fetch.File(ctx, source, file, fetch.Options{
		Attempts: 3, Backoff: 300 * time.Millisecond,
		Progress: func(done, _ int64) { bar.Set(done) },
	})
	return file, err
}

// copyMember writes one regular file of a .tgz archive to w and reads no further.
func copyMember(ctx context.Context, file, member string, w io.Writer) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for members := tar.NewReader(unzipped); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		header, err := members.Next()
		if errors.Is(err, io.EOF) {
			return errors.New("there is no such member")
		}
		if err != nil {
			return err
		}
		if header.Name != member {
			continue
		}
		if header.Typeflag != tar.TypeReg || header.Size <= 0 || header.Size > maxLibrary {
			return fmt.Errorf("expected a regular file of up to %d MB, found type %q with %d bytes", maxLibrary>>20, header.Typeflag, header.Size)
		}
		_, err = io.Copy(w, members)
		return err
	}
}
