package answering

import (
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/modelfolder"
)

// ConfigFile is the file of a saved network that holds its configuration.
const ConfigFile = "answering.json"

var (
	kind     = modelfolder.Kind{What: "network that answers questions", ConfigFile: ConfigFile, Made: "glimpse train built/answering"}
	isVisual = modelfolder.Within("visual")
	isWeight = modelfolder.Within("visual", "answering")
)

// Save writes configuration and weights into the folder dir, which is made if need be. When that fails an older network in the folder stays as it was.
func (m *Model) Save(dir string) error { return kind.Save(dir, m.Config, nil, m.Store, isWeight) }

// Load reads what [Model.Save] wrote: dir is the folder itself, or a run's with the network in its folder model. A weight that is missing is an error once the network is used.
func Load(dir string) (*Model, error) {
	m := &Model{Store: model.NewStore()}
	files, err := kind.Open(dir, &m.Config)
	if err != nil {
		return nil, err
	}
	if err := m.Config.whole(); err != nil {
		return nil, files.Refuse(err)
	}
	if err := files.Fill(m.Store, nil, isWeight); err != nil {
		return nil, err
	}
	return m, nil
}
