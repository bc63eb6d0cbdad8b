// Package torchfile reads the weights out of PyTorch's .pt and .pth archives without running what they hold: those of
// torch.save (a state dict, or a checkpoint with one) and those of TorchScript (torch.jit.save), in which OpenAI
// published CLIP.
//
// Both are zip files with the tensors' bytes in NAME/data/0, NAME/data/1 ... and a Python pickle, NAME/data.pkl, that
// says which tensor is made of which. A pickle is a program for a small stack machine that may call any Python
// function. The machine here knows the few calls that tensors need, refuses every other by name, and takes a
// TorchScript module for what it is to us: a bag of attributes. Tensors are views of the mapped file.
package torchfile
