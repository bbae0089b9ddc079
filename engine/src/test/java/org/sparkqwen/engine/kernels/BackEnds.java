package org.sparkqwen.engine.kernels;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.sparkqwen.engine.kernels.code.CodeBackEnds;

/// The back-ends on the processor that can run in this JVM, for tests that hold each of them to the same bits.
public final class BackEnds {
    private BackEnds() {}

    /// The back-ends that `auto` may take, the scalar reference first.
    public static List<KernelProvider> providers() {
        return ServiceLoader.load(KernelProvider.class).stream()
                .map(ServiceLoader.Provider::get)
                .filter(provider -> provider.device() == Device.Kind.CPU && provider.rank() >= 0)
                .filter(provider -> provider.obstacle().isEmpty())
                .sorted(Comparator.comparingInt(KernelProvider::rank))
                .toList();
    }

    /// These back-ends, and those that choose other instructions than they would here.
    public static List<KernelProvider> allProviders() {
        return Stream.concat(providers().stream(), CodeBackEnds.notChosen().stream())
                .toList();
    }

    /// The choices of these back-ends, the scalar reference first.
    public static Stream<KernelChoice> choices() {
        return providers().stream().map(provider -> new KernelChoice(provider.name()));
    }

    /// The choices of these back-ends but the scalar reference.
    public static List<KernelChoice> fastChoices() {
        return choices().skip(1).toList();
    }

    /// Makes kernels of each back-end with each number of threads, those of the scalar reference first.
    public static List<Kernels> create(int... threads) {
        return create(Precision.FLOAT32, threads);
    }

    /// Makes kernels of each back-end that has a precision here, those of the scalar reference first.
    public static List<Kernels> create(Precision precision, int... threads) {
        List<Kernels> all = new ArrayList<>();
        for (KernelProvider provider : allProviders()) {
            for (int count : threads) {
                if (provider.obstacle(precision).isEmpty()) {
                    all.add(provider.create(count, precision));
                }
            }
        }
        return all;
    }
}
