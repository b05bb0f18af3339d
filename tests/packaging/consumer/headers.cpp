// A function object, without linking the library.
#include <rectify/relu.hpp>

int main() { return rectify::ReluForward<float>(rectify::Relu{0.5})(-2.0f) == -1.0f ? 0 : 1; }
