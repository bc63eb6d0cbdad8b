// Package segmentation is the study of masks of what a text names, by a decoder on a frozen CLIP.
package segmentation
