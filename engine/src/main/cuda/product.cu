// The products of weights in tiles, by name: epilogue, tile of the output, parts of activations and weights. Tiles of
// 128 x 256 are for many rows, the smaller ones for few. Weights in two parts fill shared memory sooner.

#include "product.cuh"

#define MANY_ROWS(EPILOGUE)                                                                                            \
    PRODUCT(EPILOGUE, 128, 256, 1, 1, TILES, 4, 1)                                                                     \
    PRODUCT(EPILOGUE, 128, 256, 2, 1, TILES, 3, 1)                                                                     \
    PRODUCT(EPILOGUE, 128, 128, 2, 2, TILES, 3, 1)

#define FEW_ROWS(EPILOGUE)                                                                                             \
    PRODUCT(EPILOGUE, 64, 128, 1, 1, TILES, 4, 2)                                                                      \
    PRODUCT(EPILOGUE, 64, 64, 1, 1, TILES, 6, 2)                                                                       \
    PRODUCT(EPILOGUE, 128, 128, 2, 1, TILES, 4, 1)                                                                     \
    PRODUCT(EPILOGUE, 64, 64, 2, 1, TILES, 4, 2)                                                                       \
    PRODUCT(EPILOGUE, 64, 64, 2, 2, TILES, 3, 2)

MANY_ROWS(STORE)
MANY_ROWS(ADD)
MANY_ROWS(SWIGLU)
MANY_ROWS(SCORE)
FEW_ROWS(STORE)
FEW_ROWS(ADD)
FEW_ROWS(SWIGLU)
