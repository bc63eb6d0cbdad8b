// Package unpack takes archives from strangers apart: nothing is written outside the target folder, nothing but plain
// files and folders is made, and an archive that grows without end is stopped. The target folder appears whole
// or not at all.
package unpack

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Limits bounds what an archive may become. Zero values mean the defaults in brackets.
type Limits struct {
	Bytes int64   // unpacked, in all [64 GiB]
	Files int     // files and folders [2 million]
	Ratio float64 // unpacked to packed bytes, looked at from 1 MiB on [100]
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 64 << 30
	}
	if l.Files <= 0 {
		l.Files = 2_000_000
	}
	if l.Ratio <= 0 {
		l.Ratio = 100
	}
	return l
}

// ErrHostile is wrapped by the error of an archive that tried what no honest archive does.
var ErrHostile = errors.New("archive refused")

// Tar unpacks a tar stream into the new folder dest.
func Tar(ctx context.Context, r io.Reader, dest string, limits Limits) error {
	packed := &counter{r: r}
	return into(ctx, dest, limits, func() int64 { return packed.n }, func(u *unpacker) error { return u.tar(packed) })
}

// TarGz unpacks a gzip-compressed tar stream into the new folder dest.
func TarGz(ctx context.Context, r io.Reader, dest string, limits Limits) error {
	packed := &counter{r: r}
	return into(ctx, dest, limits, func() int64 { return packed.n }, func(u *unpacker) error {
		z, err := gzip.NewReader(packed)
		if err != nil {
			return fmt.Errorf("expected gzip-compressed data, found: %w", err)
		}
		if err := u.tar(z); err != nil {
			return err
		}
		// The checksum lies at the very end, behind the tar stream's own end.
		return u.copy(io.Discard, z)
	})
}

// Zip unpacks a zip file of the given size into the new folder dest.
func Zip(ctx context.Context, r io.ReaderAt, size int64, dest string, limits Limits) error {
	return into(ctx, dest, limits, func() int64 { return size }, func(u *unpacker) error {
		z, err := zip.NewReader(r, size)
		if err != nil {
			return fmt.Errorf("expected a zip archive, found: %w", err)
		}
		for _, f := range z.File {
			if err := u.zipFile(f); err != nil {
				return err
			}
		}
		return nil
	})
}

// into runs fill on a temporary folder beside dest and renames it when all went well.
func into(ctx context.Context, dest string, limits Limits, packed func() int64, fill func(*unpacker) error) error {
	if _, err := os.Lstat(dest); err == nil {
		return fmt.Errorf("cannot unpack to %s: expected nothing there, found a file or folder; move it away", dest)
	}
	if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
		return fmt.Errorf("cannot unpack to %s: expected to make its folder: %w", dest, err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dest), "."+filepath.Base(dest)+".*.part")
	if err != nil {
		return fmt.Errorf("cannot unpack to %s: expected a folder that can be written to: %w", dest, err)
	}
	defer os.RemoveAll(temp) // does nothing after the rename
	root, err := os.OpenRoot(temp)
	if err != nil {
		return fmt.Errorf("cannot unpack to %s: %w", dest, err)
	}
	defer root.Close()
	u := &unpacker{ctx: ctx, root: root, limits: limits.withDefaults(), packed: packed}
	if err := fill(u); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("expected more of the archive, found its end: it is cut (%w)", err)
		}
		return fmt.Errorf("cannot unpack to %s: %w; nothing was kept", dest, err)
	}
	if u.files == 0 {
		return fmt.Errorf("cannot unpack to %s: expected files, found an empty archive", dest)
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return fmt.Errorf("cannot unpack to %s: %w", dest, err)
	}
	if err := os.Rename(temp, dest); err != nil {
		return fmt.Errorf("cannot unpack to %s: %w", dest, err)
	}
	return nil
}

// unpacker writes files below root, which lets no path and no link lead out, and keeps count.
type unpacker struct {
	ctx    context.Context
	root   *os.Root
	limits Limits
	packed func() int64 // bytes of the archive read so far
	bytes  int64
	files  int
}

func (u *unpacker) tar(r io.Reader) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("expected a tar archive, found: %w", err)
		}
		switch h.Typeflag {
		case tar.TypeReg:
			err = u.file(h.Name, t)
		case tar.TypeDir:
			err = u.folder(h.Name)
		case tar.TypeXGlobalHeader:
		case tar.TypeSymlink, tar.TypeLink:
			err = fmt.Errorf("%w: expected plain files, found the link %q to %q", ErrHostile, h.Name, h.Linkname)
		default:
			err = fmt.Errorf("%w: expected plain files, found %q, a device or special file of type %q", ErrHostile, h.Name, h.Typeflag)
		}
		if err != nil {
			return err
		}
	}
}

func (u *unpacker) zipFile(f *zip.File) error {
	switch mode := f.Mode(); {
	case f.Flags&1 != 0:
		return fmt.Errorf("expected files that can be read, found that %q is encrypted", f.Name)
	case mode.IsDir():
		return u.folder(f.Name)
	case !mode.IsRegular():
		return fmt.Errorf("%w: expected plain files, found %q, a link or special file", ErrHostile, f.Name)
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("expected to read %q: %w", f.Name, err)
	}
	defer r.Close()
	return u.file(f.Name, r)
}

// name checks a member's path and counts it.
func (u *unpacker) name(name string) (string, error) {
	if u.files++; u.files > u.limits.Files {
		return "", fmt.Errorf("%w: expected at most %d files, found more", ErrHostile, u.limits.Files)
	}
	clean := path.Clean(name)
	if name == "" || strings.ContainsAny(name, "\\\x00") || !filepath.IsLocal(filepath.FromSlash(clean)) {
		return "", fmt.Errorf("%w: expected paths inside the archive, found %q", ErrHostile, name)
	}
	return filepath.FromSlash(clean), nil
}

func (u *unpacker) folder(name string) error {
	clean, err := u.name(name)
	if err != nil {
		return err
	}
	if err := u.root.MkdirAll(clean, 0o755); err != nil {
		return fmt.Errorf("expected to make the folder %q: %w", name, err)
	}
	return nil
}

func (u *unpacker) file(name string, r io.Reader) error {
	clean, err := u.name(name)
	if err != nil {
		return err
	}
	if err := u.root.MkdirAll(filepath.Dir(clean), 0o755); err != nil {
		return fmt.Errorf("expected to make the folder of %q: %w", name, err)
	}
	f, err := u.root.OpenFile(clean, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: expected each name once, found %q again", ErrHostile, name)
	} else if err != nil {
		return fmt.Errorf("expected to write %q: %w", name, err)
	}
	err = u.copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("at %q: %w", name, err)
	}
	return nil
}

// copy is io.Copy within the limits.
func (u *unpacker) copy(w io.Writer, r io.Reader) error {
	buf := make([]byte, 64<<10)
	for {
		if err := u.ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if u.bytes += int64(n); u.bytes > u.limits.Bytes {
			return fmt.Errorf("%w: expected at most %d bytes unpacked, found more", ErrHostile, u.limits.Bytes)
		}
		if packed := u.packed(); u.bytes > 1<<20 && float64(u.bytes) > u.limits.Ratio*float64(packed) {
			return fmt.Errorf("%w: expected at most %g times the packed size, found %d bytes from %d; it may be a bomb", ErrHostile, u.limits.Ratio, u.bytes, packed)
		}
		if _, werr := w.Write(buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// counter counts the bytes of an archive as they are read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
