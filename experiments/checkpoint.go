package experiments

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// A checkpoint is one safetensors file, which any reader of that format opens. Its tensors are every variable of the store: weights,
// the optimiser's state, running statistics, averages, and the state of the random numbers. Its metadata hold what else there is to a
// training that stands still (checkpointState), a checksum of every tensor, and one of the file, in which the checksum itself
// counts as zeros. A file that differs from what was written in a single bit is refused.

// checkpointState is what a checkpoint says beside its tensors.
type checkpointState struct {
	Format int    `json:"format"`
	Phase  int    `json:"phase"` // which training of the run, from 1
	Name   string `json:"name"`  // of that training
	Done   bool   `json:"done"`  // whether the training is over

	Trained  Trained         `json:"trained"` // its Last.Step is how many steps are done
	Counted  int             `json:"counted"` // steps whose time counts
	Unseen   bool            `json:"unseen,omitempty"`
	Place    json.RawMessage `json:"place,omitempty"`
	Best     *keptState      `json:"best,omitempty"`      // of early stopping
	KeepBest *bestSoFar      `json:"keep_best,omitempty"` // of Saving.Best
	Metrics  int64           `json:"metrics"`             // bytes of metrics.jsonl that were written before
	Spent    float64         `json:"spent"`               // seconds of the run so far

	Processor float64 `json:"processor,omitempty"` // processor seconds of the run so far
	Peak      int64   `json:"peak,omitempty"`      // the largest memory of one of its processes, in bytes
}

// keptState is a keeper without its weights, which are tensors with [keptPrefix] before their names.
type keptState struct {
	Value  float64 `json:"value"`
	Step   int     `json:"step"`
	Waited int     `json:"waited"`
}

// checkpointFormat is the version of checkpointState; a later one is refused with a sentence.
const checkpointFormat = 1

// errNewer is part of the error of a checkpoint of a later version: it is not damaged, and stays.
var errNewer = errors.New("was written by a newer glimpse")

const (
	keptPrefix  = "kept/" // no variable's name has a slash
	stateKey    = "glimpse.state"
	sumsKey     = "glimpse.sums"   // sha256 of every tensor's bytes
	checksumKey = "glimpse.sha256" // of the whole file
)

// noSum stands where the checksum will be while it is computed.
var noSum = strings.Repeat("0", 2*sha256.Size)

// writeCheckpoint writes a file that [readCheckpoint] reads, whole or not at all.
func writeCheckpoint(path string, store *model.Store, best *keeper, state checkpointState) error {
	state.Format = checkpointFormat
	all, err := weights.FromStore(store, func(string) bool { return true })
	if err != nil {
		return err
	}
	if best != nil && best.step > 0 {
		for variable, value := range best.weights {
			if all[keptPrefix+weights.Name(variable)], err = weights.FromTensor(value); err != nil {
				return err
			}
		}
	}
	sums := map[string]string{}
	for name, tensor := range all {
		sums[name] = sumOf(tensor.Data)
	}
	metadata := map[string]string{checksumKey: noSum}
	for key, value := range map[string]any{stateKey: state, sumsKey: sums} {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		metadata[key] = string(text)
	}
	hash := sha256.New()
	if err := safetensors.Encode(hash, all, metadata); err != nil {
		return err
	}
	metadata[checksumKey] = hex.EncodeToString(hash.Sum(nil))
	return safetensors.Write(path, all, metadata)
}

// checkpoint is a file that was found to be as it was written.
type checkpoint struct {
	path    string
	state   checkpointState
	tensors map[string]safetensors.Tensor
}

// readCheckpoint reads and checks a file. Its memory is that of the file and twice its header.
func readCheckpoint(path string) (*checkpoint, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the checkpoint: %w", err)
	}
	c, err := parseCheckpoint(data)
	if err != nil {
		return nil, fmt.Errorf("the checkpoint %s is damaged: %w", path, err)
	}
	if c.state.Format > checkpointFormat {
		return nil, fmt.Errorf("the checkpoint %s %w (format %d, this one reads %d); update glimpse to go on with it",
			path, errNewer, c.state.Format, checkpointFormat)
	}
	c.path = path
	return c, nil
}

func parseCheckpoint(data []byte) (*checkpoint, error) {
	file, err := safetensors.Parse(data)
	if err != nil {
		return nil, err
	}
	if err := checkSum(data, file.Metadata[checksumKey]); err != nil {
		if name := damagedTensor(file); name != "" {
			return nil, fmt.Errorf("%w; the damage is in the tensor %s", err, name)
		}
		return nil, err
	}
	c := &checkpoint{tensors: file.Tensors}
	if err := json.Unmarshal([]byte(file.Metadata[stateKey]), &c.state); err != nil || c.state.Format < 1 {
		return nil, fmt.Errorf("expected the state of a training in its metadata, found none")
	}
	return c, nil
}

// checkSum holds a file against the checksum that its metadata say.
func checkSum(data []byte, sum string) error {
	entry := []byte(`"` + checksumKey + `":"` + sum + `"`)
	at := bytes.Index(data, entry)
	if len(sum) != len(noSum) || at < 0 {
		return fmt.Errorf("expected a checksum in its metadata, found none")
	}
	at += len(entry) - 1 - len(sum)
	hash := sha256.New()
	for _, part := range [][]byte{data[:at], []byte(noSum), data[at+len(sum):]} {
		hash.Write(part)
	}
	if found := hex.EncodeToString(hash.Sum(nil)); found != sum {
		return fmt.Errorf("expected a file with the sha256 %s, found %s", sum, found)
	}
	return nil
}

// damagedTensor is the first tensor that is not as its checksum says; "" where that cannot be said.
func damagedTensor(file *safetensors.File) string {
	var sums map[string]string
	if json.Unmarshal([]byte(file.Metadata[sumsKey]), &sums) != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(file.Tensors)) {
		if sum, ok := sums[name]; ok && sum != sumOf(file.Tensors[name].Data) {
			return name
		}
	}
	return ""
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// restore puts the checkpoint's tensors into store, and the weights that early stopping had kept into best.
func (c *checkpoint) restore(store *model.Store, best *keeper) error {
	variables, kept := map[string]safetensors.Tensor{}, map[string]*tensors.Tensor{}
	for name, tensor := range c.tensors {
		short, isKept := strings.CutPrefix(name, keptPrefix)
		if !isKept {
			variables[name] = tensor
			continue
		}
		value, err := weights.ToTensor(tensor)
		if err != nil {
			return fmt.Errorf("%s, tensor %s: %w", c.path, name, err)
		}
		kept[weights.Path(short)] = value
	}
	if err := weights.IntoStore(store, variables); err != nil {
		return fmt.Errorf("%s: %w", c.path, err)
	}
	if best == nil || c.state.Best == nil {
		return nil
	}
	best.best, best.step, best.waited, best.weights = c.state.Best.Value, c.state.Best.Step, c.state.Best.Waited, kept
	return nil
}

// standing is how far the training of the checkpoint was.
func (c *checkpoint) standing() standing {
	s := c.state
	return standing{result: s.Trained, earlier: s.Trained, unseen: s.Unseen, place: s.Place, counted: s.Counted}
}
