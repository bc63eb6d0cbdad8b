// Package unclip is the study of pictures made out of text by way of CLIP's space: a prior from a text's embedding to a picture's, and a decoder from there to
// pixels.
package unclip
