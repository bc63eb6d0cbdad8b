// Package scenesclip trains a CLIP on Scenes, from nothing, on pictures and captions that are each seen once. What is built on CLIP in the packages beside
// it begins with one: training is a part of their runs, and the model lies in their folders.
package scenesclip
