package segmenting

import (
	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/modelfolder"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// ConfigFile is the file of a saved segmenter that holds its configuration.
const ConfigFile = "segmenting.json"

var (
	kind      = modelfolder.Kind{What: "model that segments", ConfigFile: ConfigFile, Made: "glimpse train built/segmentation"}
	isDecoder = modelfolder.Within(decoderScope)
)

// Save writes configuration, vocabulary and weights, the CLIP's among them, into the folder dir, which is made if need be. When that fails an older
// segmenter in the folder stays as it was.
func (m *Model) Save(dir string) error {
	return kind.Save(dir, m.Config, m.CLIP.Tokenizer, m.Store, clip.IsWeight)
}

// Load reads what [Model.Save] wrote: dir is the folder itself, or a run's with the segmenter in its folder model. A weight that is missing is an
// error once the segmenter is used.
func Load(dir string) (*Model, error) {
	var cfg Config
	files, err := kind.Open(dir, &cfg)
	if err != nil {
		return nil, err
	}
	if err := cfg.whole(); err != nil {
		return nil, files.Refuse(err)
	}
	tokenizer, err := clip.LoadTokenizer(files.Path(modelfolder.VocabularyFile))
	if err != nil {
		return nil, err
	}
	m := build(cfg, tokenizer)
	if err := files.Fill(m.Store, tokenizer, m.knows()); err != nil {
		return nil, err
	}
	m.freeze()
	return m, nil
}

// knows tells the weights of the CLIP and of the decoder from all others.
func (m *Model) knows() func(path string) bool {
	known := map[string]bool{}
	for _, w := range m.Config.CLIP.Weights() {
		known[weights.Path(w.Name)] = true
	}
	return func(path string) bool { return known[path] || isDecoder(path) }
}
