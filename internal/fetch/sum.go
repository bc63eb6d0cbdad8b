package fetch

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"
)

// check holds a file against the sums that are known of it, and names the kind of the first that differs.
func (s Source) check(ctx context.Context, path string) (kind, want, found string, ok bool, err error) {
	if s.SHA256 != "" {
		found, err := fileSum(ctx, path, sha256.New())
		if err != nil || !strings.EqualFold(found, s.SHA256) {
			return "sha256", s.SHA256, found, false, err
		}
	}
	if s.Blob != "" {
		found, err := blob(ctx, path)
		if err != nil || !strings.EqualFold(found, s.Blob) {
			return "git blob", s.Blob, found, false, err
		}
	}
	return "", "", "", true, nil
}

// blob is the name that git gives to a file's content.
func blob(ctx context.Context, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", info.Size())
	return fileSum(ctx, path, h)
}

// SHA256 is the sha256 of a file in hexadecimal.
func SHA256(ctx context.Context, path string) (string, error) {
	sum, err := fileSum(ctx, path, sha256.New())
	if err != nil {
		return "", fmt.Errorf("cannot read %s: %w", path, err)
	}
	return sum, nil
}

// fileSum adds a file to h and gives the sum in hexadecimal.
func fileSum(ctx context.Context, path string, h hash.Hash) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.CopyBuffer(h, readerWith{ctx, f}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// readerWith stops reading when its context ends.
type readerWith struct {
	ctx context.Context
	r   io.Reader
}

func (r readerWith) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Check holds a file against the sums that are known of it.
func (s Source) Check(ctx context.Context, path string) error {
	kind, want, found, ok, err := s.check(ctx, path)
	if err != nil {
		return fmt.Errorf("cannot check %s: %w", path, err)
	}
	if !ok {
		return fmt.Errorf("%s: %w: expected %s %s, found %s", path, ErrWrongContent, kind, want, found)
	}
	return nil
}
