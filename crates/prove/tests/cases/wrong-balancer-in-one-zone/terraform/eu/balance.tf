resource "aws_lb" "entry" {
  load_balancer_type = "application"
  security_groups    = [aws_security_group.web.id]
  subnets            = [aws_subnet.web.id]
}

resource "aws_lb_target_group" "app" {
  vpc_id   = aws_vpc.shop.id
  port     = 8080
  protocol = "HTTP"
}

resource "aws_lb_target_group_attachment" "app" {
  target_group_arn = aws_lb_target_group.app.arn
  target_id        = aws_instance.app.id
}

resource "aws_lb_listener" "entry" {
  load_balancer_arn = aws_lb.entry.arn
  port              = 443
  protocol          = "HTTPS"
  certificate_arn   = var.certificate

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.app.arn
  }
}

variable "certificate" {
  type = string
}
