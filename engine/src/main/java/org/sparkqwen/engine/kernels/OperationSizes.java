package org.sparkqwen.engine.kernels;

/// The largest operations of a model, from which a back-end says how much memory it takes beside its operands.
///
/// @param threads that compute
/// @param tokens of an operation, [Kernels#logProbabilities] of all of them included
/// @param inputs of the widest linear layer
/// @param vocabulary outputs of the head
/// @param expertRows of [Kernels#addExperts]; 0 without experts
/// @param experts their number; 0 without experts
/// @param expertInputs their inputs
public record OperationSizes(
        int threads, int tokens, int inputs, int vocabulary, int expertRows, int experts, int expertInputs) {}
