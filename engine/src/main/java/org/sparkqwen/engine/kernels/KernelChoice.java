package org.sparkqwen.engine.kernels;

/// Which kernels to run.
public enum KernelChoice {
    /// Vector kernels where the JVM has the vector module, scalar ones elsewhere.
    AUTO,
    VECTOR,
    SCALAR;

    private static final String MODULE = "jdk.incubator.vector";

    /// Whether this JVM was started with the module that [VectorKernels] needs.
    public static boolean vectorModulePresent() {
        return ModuleLayer.boot().findModule(MODULE).isPresent();
    }

    /// @param threads at least 1
    /// @throws IllegalStateException if vector kernels are asked for and the JVM lacks their module
    public Kernels create(int threads) {
        return switch (this) {
            case SCALAR -> new ScalarKernels(threads);
            case AUTO -> vectorModulePresent() ? new VectorKernels(threads) : new ScalarKernels(threads);
            case VECTOR -> {
                if (!vectorModulePresent()) {
                    throw new IllegalStateException(
                            "vector kernels need a JVM started with --add-modules %s".formatted(MODULE));
                }
                yield new VectorKernels(threads);
            }
        };
    }
}
