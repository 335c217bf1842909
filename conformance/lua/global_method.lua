function main(a, b) return { a, b, sum = a + b } end
