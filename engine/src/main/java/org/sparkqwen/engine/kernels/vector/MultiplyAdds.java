package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;

import jdk.incubator.vector.FloatVector;

/// Runs multiply-adds that depend on nothing but registers, which shows the most that a core can do.
///
/// A multiply-add takes four or five cycles, and a core starts two in each cycle, or four that are half as wide, so up
/// to sixteen must be under way at a time. Each chain is a sum of its own, `a = factor · term + a`, which grows to a
/// number that is not slow to compute with. The compiler keeps such a sum in its register. For `a · factor + term` it
/// copies the term each time, and with 24 chains, the number of sums of a tile, it runs out of the 32 registers. Either
/// takes a sixth of the measured rate.
public final class MultiplyAdds {
    /// The number of chains: 256-bit vectors come with 16 registers, others with 32.
    private static final int CHAINS = LANES == 8 ? 12 : 16;

    private MultiplyAdds() {}

    /// The number of arithmetic operations of `steps` multiply-adds in each chain; a multiply-add counts as two, in
    /// every lane.
    public static double flops(int steps) {
        return 2.0 * CHAINS * steps * FLOATS.length();
    }

    /// Returns a factor below 1, a term, and a different start for each chain, because the compiler could compute
    /// equal chains only once.
    public static float[] numbers() {
        float[] numbers = new float[2 + CHAINS];
        numbers[0] = 0.5f;
        numbers[1] = 1;
        for (int chain = 2; chain < numbers.length; chain++) {
            numbers[chain] = chain;
        }
        return numbers;
    }

    /// Runs `steps` multiply-adds in each chain.
    ///
    /// @param numbers the result of [#numbers]
    /// @return a number that depends on all chains
    public static float run(float[] numbers, int steps) {
        return CHAINS == 12 ? chains12(numbers, steps) : chains16(numbers, steps);
    }

    /// Runs `steps` multiply-adds in each of 16 chains, for processors with 32 vector registers.
    ///
    /// @param numbers a factor, a term, and the start of each chain
    private static float chains16(float[] numbers, int steps) {
        FloatVector factor = FloatVector.broadcast(FLOATS, numbers[0]);
        FloatVector term = FloatVector.broadcast(FLOATS, numbers[1]);
        FloatVector a0 = FloatVector.broadcast(FLOATS, numbers[2]);
        FloatVector a1 = FloatVector.broadcast(FLOATS, numbers[3]);
        FloatVector a2 = FloatVector.broadcast(FLOATS, numbers[4]);
        FloatVector a3 = FloatVector.broadcast(FLOATS, numbers[5]);
        FloatVector a4 = FloatVector.broadcast(FLOATS, numbers[6]);
        FloatVector a5 = FloatVector.broadcast(FLOATS, numbers[7]);
        FloatVector a6 = FloatVector.broadcast(FLOATS, numbers[8]);
        FloatVector a7 = FloatVector.broadcast(FLOATS, numbers[9]);
        FloatVector a8 = FloatVector.broadcast(FLOATS, numbers[10]);
        FloatVector a9 = FloatVector.broadcast(FLOATS, numbers[11]);
        FloatVector a10 = FloatVector.broadcast(FLOATS, numbers[12]);
        FloatVector a11 = FloatVector.broadcast(FLOATS, numbers[13]);
        FloatVector a12 = FloatVector.broadcast(FLOATS, numbers[14]);
        FloatVector a13 = FloatVector.broadcast(FLOATS, numbers[15]);
        FloatVector a14 = FloatVector.broadcast(FLOATS, numbers[16]);
        FloatVector a15 = FloatVector.broadcast(FLOATS, numbers[17]);
        for (int step = 0; step < steps; step++) {
            a0 = factor.fma(term, a0);
            a1 = factor.fma(term, a1);
            a2 = factor.fma(term, a2);
            a3 = factor.fma(term, a3);
            a4 = factor.fma(term, a4);
            a5 = factor.fma(term, a5);
            a6 = factor.fma(term, a6);
            a7 = factor.fma(term, a7);
            a8 = factor.fma(term, a8);
            a9 = factor.fma(term, a9);
            a10 = factor.fma(term, a10);
            a11 = factor.fma(term, a11);
            a12 = factor.fma(term, a12);
            a13 = factor.fma(term, a13);
            a14 = factor.fma(term, a14);
            a15 = factor.fma(term, a15);
        }
        FloatVector all = a0.add(a1)
                .add(a2)
                .add(a3)
                .add(a4)
                .add(a5)
                .add(a6)
                .add(a7)
                .add(a8)
                .add(a9)
                .add(a10)
                .add(a11)
                .add(a12)
                .add(a13)
                .add(a14)
                .add(a15);
        return all.lane(0);
    }

    /// Runs `steps` multiply-adds in each of 12 chains, for processors with 16 vector registers.
    ///
    /// @param numbers a factor, a term, and the start of each chain
    private static float chains12(float[] numbers, int steps) {
        FloatVector factor = FloatVector.broadcast(FLOATS, numbers[0]);
        FloatVector term = FloatVector.broadcast(FLOATS, numbers[1]);
        FloatVector a0 = FloatVector.broadcast(FLOATS, numbers[2]);
        FloatVector a1 = FloatVector.broadcast(FLOATS, numbers[3]);
        FloatVector a2 = FloatVector.broadcast(FLOATS, numbers[4]);
        FloatVector a3 = FloatVector.broadcast(FLOATS, numbers[5]);
        FloatVector a4 = FloatVector.broadcast(FLOATS, numbers[6]);
        FloatVector a5 = FloatVector.broadcast(FLOATS, numbers[7]);
        FloatVector a6 = FloatVector.broadcast(FLOATS, numbers[8]);
        FloatVector a7 = FloatVector.broadcast(FLOATS, numbers[9]);
        FloatVector a8 = FloatVector.broadcast(FLOATS, numbers[10]);
        FloatVector a9 = FloatVector.broadcast(FLOATS, numbers[11]);
        FloatVector a10 = FloatVector.broadcast(FLOATS, numbers[12]);
        FloatVector a11 = FloatVector.broadcast(FLOATS, numbers[13]);
        for (int step = 0; step < steps; step++) {
            a0 = factor.fma(term, a0);
            a1 = factor.fma(term, a1);
            a2 = factor.fma(term, a2);
            a3 = factor.fma(term, a3);
            a4 = factor.fma(term, a4);
            a5 = factor.fma(term, a5);
            a6 = factor.fma(term, a6);
            a7 = factor.fma(term, a7);
            a8 = factor.fma(term, a8);
            a9 = factor.fma(term, a9);
            a10 = factor.fma(term, a10);
            a11 = factor.fma(term, a11);
        }
        FloatVector all = a0.add(a1)
                .add(a2)
                .add(a3)
                .add(a4)
                .add(a5)
                .add(a6)
                .add(a7)
                .add(a8)
                .add(a9)
                .add(a10)
                .add(a11);
        return all.lane(0);
    }
}
