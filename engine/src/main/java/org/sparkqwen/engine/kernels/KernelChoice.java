package org.sparkqwen.engine.kernels;

import java.io.Serializable;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// The choice of a back-end: one by its name, or `auto` for the best that can run in this JVM.
///
/// @param name the name of a [KernelProvider], or `auto`
/// @param precision what linear layers multiply in
public record KernelChoice(String name, Precision precision) implements Serializable {
    /// The back-ends of this JVM, in the order in which `auto` prefers them.
    private static final List<KernelProvider> PROVIDERS =
            ServiceLoader.load(KernelProvider.class, KernelProvider.class.getClassLoader()).stream()
                    .map(ServiceLoader.Provider::get)
                    .sorted(Comparator.comparingInt(KernelProvider::rank).reversed())
                    .toList();

    public static final KernelChoice AUTO = new KernelChoice("auto");
    public static final KernelChoice CODE = new KernelChoice("code");
    public static final KernelChoice VECTOR = new KernelChoice("vector");
    public static final KernelChoice SCALAR = new KernelChoice("scalar");

    /// @throws IllegalArgumentException if no back-end has the name
    public KernelChoice {
        if (!names().contains(name)) {
            throw new IllegalArgumentException(
                    "there are no kernels '%s'; there are %s".formatted(name, String.join(", ", names())));
        }
    }

    /// The choice of a back-end in float32.
    ///
    /// @throws IllegalArgumentException if no back-end has the name
    public KernelChoice(String name) {
        this(name, Precision.FLOAT32);
    }

    /// This choice's back-end in another precision.
    public KernelChoice in(Precision other) {
        return new KernelChoice(name, other);
    }

    /// The names that a user may choose: `auto`, and each back-end's.
    public static List<String> names() {
        return Stream.concat(Stream.of("auto"), PROVIDERS.stream().map(KernelProvider::name))
                .toList();
    }

    /// The precisions for which a back-end that `auto` may take has instructions here.
    public static List<Precision> fastPrecisions() {
        return Stream.of(Precision.values())
                .filter(precision ->
                        PROVIDERS.stream().anyMatch(provider -> provider.rank() >= 0 && provider.isFast(precision)))
                .toList();
    }

    /// The most heap in bytes that any back-end takes which can run here.
    public static long heapBytes(OperationSizes sizes) {
        return PROVIDERS.stream()
                .filter(provider -> provider.obstacle().isEmpty())
                .mapToLong(provider -> provider.heapBytes(sizes))
                .max()
                .orElse(0);
    }

    /// The most native memory in bytes that any back-end which can run here takes beside its operands.
    public static long nativeBytes(OperationSizes sizes) {
        return PROVIDERS.stream()
                .filter(provider -> provider.obstacle().isEmpty())
                .mapToLong(provider -> provider.nativeBytes(sizes))
                .max()
                .orElse(0);
    }

    /// Makes the kernels of the chosen back-end.
    ///
    /// @param threads at least 1
    /// @param fallBack receives one line for each better back-end that `auto` passed over, with the reason
    /// @throws IllegalStateException if the back-end that was asked for cannot run in this JVM
    public Kernels create(int threads, Consumer<String> fallBack) {
        for (KernelProvider provider : PROVIDERS) {
            if (isCandidate(provider)) {
                Optional<String> obstacle = provider.obstacle(precision);
                if (obstacle.isEmpty()) {
                    return provider.create(threads, precision);
                }
                String reason = "%s kernels cannot run: %s".formatted(provider.name(), obstacle.get());
                if (!isAuto()) {
                    throw new IllegalStateException(reason);
                }
                fallBack.accept(reason);
            }
        }
        throw new IllegalStateException("no kernels can run in this JVM");
    }

    private boolean isCandidate(KernelProvider provider) {
        return isAuto() ? provider.rank() >= 0 : provider.name().equals(name);
    }

    private boolean isAuto() {
        return name.equals("auto");
    }

    /// The back-end's name, in the form that a user writes.
    @Override
    public String toString() {
        return name;
    }
}
