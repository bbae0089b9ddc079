// The products of weights that stay integers in device memory, by name: epilogue, tile of the output, parts, format.

#include "product.cuh"

#define BOTH_FORMATS(EPILOGUE, BM, BN, PARTS, STAGES, BLOCKS)                                                          \
    PRODUCT(EPILOGUE, BM, BN, PARTS, PARTS, INT8_TILES, STAGES, BLOCKS)                                                \
    PRODUCT(EPILOGUE, BM, BN, PARTS, PARTS, INT4_TILES, STAGES, BLOCKS)

#define MANY_ROWS(EPILOGUE)                                                                                            \
    BOTH_FORMATS(EPILOGUE, 128, 128, 1, 7, 1)                                                                          \
    BOTH_FORMATS(EPILOGUE, 128, 128, 2, 4, 1)

#define FEW_ROWS(EPILOGUE)                                                                                             \
    BOTH_FORMATS(EPILOGUE, 64, 64, 1, 7, 2)                                                                            \
    BOTH_FORMATS(EPILOGUE, 64, 64, 2, 3, 2)

MANY_ROWS(STORE)
MANY_ROWS(ADD)
MANY_ROWS(SWIGLU)
MANY_ROWS(SCORE)
FEW_ROWS(STORE)
FEW_ROWS(ADD)
FEW_ROWS(SWIGLU)
