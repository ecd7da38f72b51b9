/* Freestanding stub for wasm2c's output. The engine has only integers, so none of this is linked. */
#ifndef INGRESS_MATH_H
#define INGRESS_MATH_H
#define NAN __builtin_nanf("")
#define isnan(x) __builtin_isnan(x)
#define signbit(x) __builtin_signbit(x)
float floorf(float), ceilf(float), truncf(float), nearbyintf(float), fabsf(float), sqrtf(float);
double floor(double), ceil(double), trunc(double), nearbyint(double), fabs(double), sqrt(double);
#endif
