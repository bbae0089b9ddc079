package org.sparkqwen.engine.kernels;

/// The largest operations of a model, from which a back-end computes how much memory it takes beside its operands.
///
/// @param threads number of threads that compute
/// @param tokens tokens of an operation, at most; [Kernels#logProbabilities] gets all of them at once
/// @param inputs of the widest linear layer
/// @param vocabulary number of outputs of the head
/// @param expertRows rows of [Kernels#addExperts]; 0 without experts
/// @param experts number of experts; 0 without experts
/// @param expertInputs inputs of the experts
public record OperationSizes(
        int threads, int tokens, int inputs, int vocabulary, int expertRows, int experts, int expertInputs) {}
