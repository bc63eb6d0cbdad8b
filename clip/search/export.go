package search

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// The files of an export, as clip-retrieval's `clip-retrieval inference` writes them (partition 0 of 1).
const (
	ExportVectors  = "img_emb/img_emb_0.npy"
	ExportMetadata = "metadata/metadata_0.parquet"
)

// The rows of the metadata: with captions, and without.
type (
	captionedRow struct {
		ImagePath string `parquet:"image_path"`
		Caption   string `parquet:"caption"`
	}
	pathRow struct {
		ImagePath string `parquet:"image_path"`
	}
)

// Export writes the index into the new folder dir in the layout of clip-retrieval: img_emb/img_emb_0.npy, the rows in the type
// of the index, and metadata/metadata_0.parquet with the column image_path (the path of each picture) and, when any picture
// has a text file of its name beside it (cat.txt for cat.jpg), the column caption. The folder appears whole or not at all.
func (x *Index) Export(ctx context.Context, dir string) error {
	dir = filepath.Clean(dir)
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("expected a new or empty folder to export to, found files in %s; choose another", dir)
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*.part")
	if err != nil {
		return fmt.Errorf("cannot export to %s: expected a folder that can be written to, found: %w", dir, reason(err))
	}
	defer os.RemoveAll(work)
	for name, write := range map[string]func(io.Writer) error{
		ExportVectors:  func(w io.Writer) error { return x.writeNPY(ctx, w) },
		ExportMetadata: func(w io.Writer) error { return x.writeParquet(ctx, w) },
	} {
		path := filepath.Join(work, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("cannot export to %s: %w", dir, err)
		}
		if err := atomicfile.Write(path, write); err != nil {
			return fmt.Errorf("cannot export to %s: %w", dir, err)
		}
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return fmt.Errorf("cannot export to %s: %w", dir, err)
	}
	os.Remove(dir) // an empty folder, if there is one
	if err := os.Rename(work, dir); err != nil {
		return fmt.Errorf("cannot give the export its name %s: %w", dir, err)
	}
	return nil
}

func (x *Index) writeNPY(ctx context.Context, w io.Writer) error {
	if err := writeNPYHeader(w, x.Meta.DType, x.Len(), x.Meta.Dims); err != nil {
		return err
	}
	for data := x.data; len(data) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(len(data), chunkSize)
		if _, err := w.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

func (x *Index) writeParquet(ctx context.Context, w io.Writer) error {
	captioned, err := x.anyCaption(ctx)
	if err != nil {
		return err
	}
	if captioned {
		return writeRows(ctx, w, x, func(path string) captionedRow {
			caption, _ := captionOf(path)
			return captionedRow{path, caption}
		})
	}
	return writeRows(ctx, w, x, func(path string) pathRow { return pathRow{path} })
}

// writeRows writes one row a picture.
func writeRows[T any](ctx context.Context, w io.Writer, x *Index, row func(path string) T) error {
	out := parquet.NewGenericWriter[T](w, parquet.Compression(&parquet.Snappy))
	group := make([]T, 0, 1024)
	for i := range x.Len() {
		e, err := x.Entry(i)
		if err != nil {
			return err
		}
		if group = append(group, row(x.File(e))); len(group) == cap(group) || i == x.Len()-1 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := out.Write(group); err != nil {
				return err
			}
			group = group[:0]
		}
	}
	return out.Close()
}

// anyCaption says whether there is a text beside any picture.
func (x *Index) anyCaption(ctx context.Context) (bool, error) {
	for i := range x.Len() {
		e, err := x.Entry(i)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return false, err
		}
		if _, ok := captionOf(x.File(e)); ok {
			return true, nil
		}
	}
	return false, nil
}

// captionOf is the text beside a picture, as img2dataset and others put it there. What is larger than 1 MB is no caption.
func captionOf(picture string) (string, bool) {
	path := strings.TrimSuffix(picture, filepath.Ext(picture)) + ".txt"
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
		return "", false
	}
	text, err := os.ReadFile(path)
	return strings.ToValidUTF8(strings.TrimSpace(string(text)), "\uFFFD"), err == nil
}
