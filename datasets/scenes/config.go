package scenes

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Split names a part of the data set. Parts never share a scene.
type Split string

// The three splits.
const (
	Train  Split = "train"  // pairs of colour and shape that are not held out
	Test   Split = "test"   // the same pairs in other scenes
	Unseen Split = "unseen" // every scene has at least one held-out pair
)

// Phrasing is a set of ways to say what is in a scene, joined with "|".
type Phrasing uint8

// The ways of saying. A scene that none of the chosen ways fits (relations, one object) is named by one object.
const (
	SayOne       Phrasing = 1 << iota // one object: "a small red circle"
	SayLists                          // all objects: "a red circle, a blue square and a green star"
	SayRelations                      // two objects: "a red circle left of a blue square"
	SayCounts                         // numbers: "two red circles and a blue square", "three shapes"
	SayOpenings                       // the same with "there is" or "a picture of" before it

	AllPhrasings = SayOne | SayLists | SayRelations | SayCounts | SayOpenings
)

// Bounds of a Config, and of what is drawn.
const (
	MinSize     = 32  // pixels; below 64, the textures of small objects are hard to tell apart
	MaxSize     = 512 // pixels
	MaxNoise    = 0.2 // standard deviation as a share of the full scale
	MostObjects = 4   // objects in one scene
	MinVisible  = 0.7 // share of every object's pixels that stays in sight
)

// Config says which scenes are drawn and how. A zero field means the default given beside it, so that
// Config{} is a usable (clean, unoccluded) data set.
type Config struct {
	Size       int      // side of the square picture in pixels, MinSize to MaxSize; 64
	Seed       uint64   // another seed gives other scenes
	Split      Split    // Train
	Count      int      // number of scenes; 10,000
	MinObjects int      // fewest objects in a scene; 1
	MaxObjects int      // most objects in a scene, at most 4; 4
	Noise      float64  // standard deviation of the pixel noise, 0 (none) to MaxNoise of the full scale
	Occlusion  bool     // objects may hide up to 30% of others; without it they do not touch
	Phrasing   Phrasing // how captions may be put; AllPhrasings
}

// Default is the data set of the lab's demos: one to four objects, some partly hidden, light noise.
func Default() Config {
	return Config{Size: 64, Count: 10000, MaxObjects: 4, Noise: 0.02, Occlusion: true}
}

// Single has one object in each scene, and so a label: for classification and zero-shot tests.
func Single() Config {
	return Config{Size: 64, Count: 10000, MaxObjects: 1, Noise: 0.02}
}

// Pairs has two objects in each scene and always says how they lie to each other: for relations.
func Pairs() Config {
	return Config{
		Size: 64, Count: 10000, MinObjects: 2, MaxObjects: 2, Noise: 0.02,
		Phrasing: SayRelations | SayOpenings,
	}
}

// withDefaults fills the zero fields.
func (c Config) withDefaults() Config {
	if c.Size == 0 {
		c.Size = 64
	}
	if c.Split == "" {
		c.Split = Train
	}
	if c.Count == 0 {
		c.Count = 10000
	}
	if c.MaxObjects == 0 {
		c.MaxObjects = MostObjects
	}
	if c.MinObjects == 0 {
		c.MinObjects = 1
	}
	if c.Phrasing == 0 {
		c.Phrasing = AllPhrasings
	}
	return c
}

// check says in one sentence what is wrong with a Config whose defaults are filled in.
func (c Config) check() error {
	switch {
	case c.Size < MinSize || c.Size > MaxSize:
		return fmt.Errorf("scenes: Size is %d, but a picture must be %d to %d pixels wide; 64 is the default",
			c.Size, MinSize, MaxSize)
	case c.Split != Train && c.Split != Test && c.Split != Unseen:
		return fmt.Errorf("scenes: Split is %q, but only %q, %q and %q exist; choose one of them",
			c.Split, Train, Test, Unseen)
	case c.Count < 0:
		return fmt.Errorf("scenes: Count is %d, but a data set cannot have fewer than 0 scenes; give 1 or more, or 0 for 10,000",
			c.Count)
	case c.MaxObjects < 1 || c.MaxObjects > MostObjects:
		return fmt.Errorf("scenes: MaxObjects is %d, but a scene holds 1 to %d objects; choose a number in between",
			c.MaxObjects, MostObjects)
	case c.MinObjects < 1 || c.MinObjects > c.MaxObjects:
		return fmt.Errorf("scenes: MinObjects is %d, but it must lie between 1 and MaxObjects, which is %d; change one of the two",
			c.MinObjects, c.MaxObjects)
	case math.IsNaN(c.Noise) || c.Noise < 0 || c.Noise > MaxNoise:
		return fmt.Errorf("scenes: Noise is %g, but it must be a share of the full scale from 0 to %g; 0.02 is light noise",
			c.Noise, MaxNoise)
	case c.Phrasing&^AllPhrasings != 0:
		return fmt.Errorf("scenes: Phrasing is %#x, but only bits of %#x have a meaning; join the Say constants with |",
			uint8(c.Phrasing), uint8(AllPhrasings))
	}
	return nil
}

// What a stream of random numbers is for. Each has its own, so that a change of the noise leaves the layout of
// every scene as it was.
type purpose uint64

const (
	forLayout purpose = iota + 1
	forPixels
	forCaptions
	forQuestions
)

// stream is the source of random numbers for one purpose in scene i; it depends on nothing else.
func (c Config) stream(i int, p purpose) *rand.PCG {
	split := map[Split]uint64{Train: 1, Test: 2, Unseen: 3}[c.Split]
	return rand.NewPCG(mix(c.Seed^mix(split<<8|uint64(p))), mix(uint64(i)))
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood 2014): neighbouring seeds end far apart.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
