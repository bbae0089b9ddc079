package org.sparkqwen.engine.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.SplittableRandom;

/// Chooses the tokens of one text. Its random numbers depend on the seed, the prompt and the sample's number alone, so
/// a row's text is the same in any partition, beside any other rows, and after a retry.
public final class Sampler {
    private final SamplingParams params;
    private final SplittableRandom random;

    /// @param prompt token ids
    /// @param sample number of this text among those of the same prompt
    public Sampler(SamplingParams params, int[] prompt, int sample) {
        this.params = params;
        random = new SplittableRandom(hash(params.seed(), prompt, sample));
    }

    /// @param logits float32, of the tokens that may be chosen, by id
    /// @param likeliest of them
    public int choose(MemorySegment logits, int likeliest) {
        return params.greedy()
                ? likeliest
                : Distribution.of(logits.toArray(JAVA_FLOAT), params).at(random.nextDouble());
    }

    private static long hash(long seed, int[] prompt, int sample) {
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES + Integer.BYTES * (prompt.length + 1));
        bytes.putLong(seed).putInt(sample);
        for (int token : prompt) {
            bytes.putInt(token);
        }
        try {
            return ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(bytes.array()))
                    .getLong();
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }
}
