// Package guided is the study of pictures that are made out of noise, with CLIP saying in which direction.
package guided
