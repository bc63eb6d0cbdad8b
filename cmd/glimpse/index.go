package main

import (
	"fmt"
	"image"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip/search"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// indexed is what `glimpse index --json` prints.
type indexed struct {
	Index      string            `json:"index"`
	Pictures   int               `json:"pictures"`
	Encoded    int               `json:"encoded"`
	Known      int               `json:"known"`
	Unchanged  int               `json:"unchanged"`
	Removed    int               `json:"removed"`
	Bad        map[string]string `json:"bad"` // new bad files: what is wrong with each
	Remembered int               `json:"remembered_bad"`
}

func indexCommand() *cobra.Command {
	var model, out, dtype string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "index PICTURES --model DIR --out INDEX",
		Short: "Embed a folder of pictures, to be searched",
		Long: `Index embeds all pictures below a folder with a CLIP model and keeps the embeddings in the folder INDEX, for
glimpse search. The same command again brings the index up to date: new and changed pictures are encoded, those
that are gone disappear, the others are left alone. When it is stopped, or killed, it goes on where it was the next
time, and INDEX is the old one, or absent, until the new one is whole.

A file is a picture when its name says so (.jpg, .jpeg, .png, .gif, .webp, .bmp) and it does not begin with a dot. Files
that cannot be decoded are named, and tried again when they change. A file that was moved or copied is known by its
content. An index belongs to one model: embeddings of two models cannot be compared.

float16 takes two bytes a number: a million pictures of 512 numbers are 1 GB. It moves a cosine by less than 0.001.`,
		Example: examples(
			"glimpse index photos --model runs/clip --out photos.index",
			"glimpse index export photos.index --out photos.clip-retrieval"),
		Args:        wantArgs("PICTURES"),
		Annotations: map[string]string{takesArguments: "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "model", "out"); err != nil {
				return err
			}
			if cmd.Flags().Changed("dtype") {
				if err := oneOf(cmd, "dtype", dtype, string(search.Float16), string(search.Float32)); err != nil {
					return err
				}
			}
			r, err := index(cmd, args[0], model, out, search.DType(dtype))
			if err != nil {
				return err
			}
			return printIndexed(cmd, out, r, asJSON)
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "`folder` of the CLIP model or of the run that trained it, or its name on the hub once it was fetched")
	cmd.Flags().StringVar(&out, "out", "", "`folder` of the index: a new one, or one that is to be brought up to date")
	cmd.Flags().StringVar(&dtype, "dtype", "", "type of the numbers, `float16` or float32 (default: that of the index, float16 for a new one)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.AddCommand(exportCommand())
	return cmd
}

func index(cmd *cobra.Command, pictures, model, out string, dtype search.DType) (*search.Report, error) {
	folder, err := modelFolder(model) // what the index remembers, also of a model that is named as on the hub
	if err != nil {
		return nil, err
	}
	m, err := openCLIP(folder, manyInputs)
	if err != nil {
		return nil, err
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	encoder, err := search.CLIP(b.Backend, m, folder)
	if err != nil {
		return nil, err
	}
	prepare := encoder.Prepare
	encoder.Prepare = func(img image.Image) ([]float32, error) {
		if err := checkPicture(img); err != nil {
			return nil, err
		}
		return prepare(img)
	}
	return search.Update(cmd.Context(), out, pictures, encoder, search.Options{DType: dtype, Messages: cmd.ErrOrStderr()})
}

func printIndexed(cmd *cobra.Command, out string, r *search.Report, asJSON bool) error {
	result := indexed{out, r.Rows, r.Encoded, r.Known, r.Unchanged, r.Removed, map[string]string{}, r.Remembered}
	for _, e := range r.Bad {
		fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: %s: %s; it was left out\n", e.Path, e.Problem)
		result.Bad[e.Path] = e.Problem
	}
	if r.Remembered > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: files that could not be decoded before and have not changed: %d\n", r.Remembered)
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), result)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %d pictures (%d encoded, %d moved or copied, %d unchanged; %d removed, %d bad)\n",
		out, r.Rows, r.Encoded, r.Known, r.Unchanged, r.Removed, len(r.Bad)+r.Remembered)
	return err
}

func exportCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "export INDEX --out DIR",
		Short: "Write an index in the layout of clip-retrieval, for Faiss, Qdrant and Milvus",
		Long: `Export writes the embeddings of an index in the layout of clip-retrieval, which is where to go on when one machine is
too small for an exact search:

  DIR/img_emb/img_emb_0.npy            the embeddings, an array [pictures, dims] of unit rows, float16 or float32
  DIR/metadata/metadata_0.parquet      a row a picture: image_path and, when texts lie beside the pictures
                                       (cat.txt for cat.jpg), caption`,
		Example: examples(
			"glimpse index export photos.index --out photos.clip-retrieval",
			"python3 -c 'import faiss, numpy; x = numpy.load(\"photos.clip-retrieval/img_emb/img_emb_0.npy\").astype(\"float32\"); ...'"),
		Args: wantArgs("INDEX"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "out"); err != nil {
				return err
			}
			x, err := search.Open(args[0])
			if err != nil {
				return err
			}
			defer x.Close()
			return x.Export(cmd.Context(), out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`folder` to write, whole or not at all; it must be new or empty")
	return cmd
}
